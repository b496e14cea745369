import { expect, test } from 'vitest';
import { claimOfRefusal, claimSentence, covers, listClaim, listsSome, may, mayUpdateSomething, rightOf, wider, type Claim } from './rights';

const claim = (text: string): Claim => {
  const [scope = '', action = '', specific = ''] = text.split(' ');
  return { scope, action, specific };
};

test.each([
  ['* * *', 'machines update a', true],
  ['machines * *', 'machines delete a', true],
  ['machines * *', 'profiles get a', false],
  ['machines get,list *', 'machines list', true],
  ['machines get a,b', 'machines get b', true],
  ['machines get a', 'machines get b', false],
  ['machines update *', 'machines update:/OS/Name a', true],
  ['machines update:/OS *', 'machines update:/OS/Name a', true],
  ['machines update:/OS/Name *', 'machines update:/OS a', false],
  ['machines update:/OS *', 'machines update:/OSX a', false],
  ['machines action *', 'machines action:reboot a', true],
  ['machines action:reboot *', 'machines action:halt a', false],
  ['machines get a', 'machines get *', false],
  ['machines get *', 'machines get *', true],
  ['machines list', 'machines list', true],
  ['machines get', 'machines get a', false],
  ['machines,profiles get *', 'machines,profiles get a', true],
  ['machines get *', 'machines,profiles get a', false],
])('%s covers %s: %s', (owned, asked, yes) => {
  expect(covers(claim(owned), claim(asked))).toBe(yes);
});

test('what is above an action', () => {
  expect(wider('update:/a/b')).toEqual(['update:/a/b', 'update:/a', 'update']);
  expect(wider('get')).toEqual(['get']);
});

test('a refusal names the claim that is missing', () => {
  expect(may([claim('machines get *')], 'machines', 'delete', 'a')).toEqual({ yes: false, needed: claim('machines delete a') });
  expect(claimOfRefusal(['Cannot access /x', 'Requires: roles create '])).toEqual(claim('roles create'));
  expect(claimOfRefusal(['Not Found'])).toBeUndefined();
});

test('a form is worth opening when one field may be changed', () => {
  expect(mayUpdateSomething([claim('machines update:/Description a')], 'machines', 'a')).toBe(true);
  expect(mayUpdateSomething([claim('machines update:/Description a')], 'machines', 'b')).toBe(false);
});

test('rights come from the table of routes', () => {
  expect(rightOf('DELETE', '/{prefix}/{rest...}', { prefix: 'machines', key: 'a' })).toEqual(claim('machines delete a'));
  expect(rightOf('GET', '/indexes', {})).toBeUndefined();
});

test.each([
  ['* * *', 'do everything'],
  ['* list,get *', 'list and get everything'],
  ['machines update web-1', 'update machines web-1'],
  ['machines update:/Description *', 'update /Description of all machines'],
  ['machines,jobs * *', 'do everything with all machines and jobs'],
  ['users get,password,token ann', 'get, change the password of and make tokens for users ann'],
  ['machines action:reboot *', 'run reboot of all machines'],
  ['version_sets list', 'list version sets'],
  ['* get a', 'get everything called a'],
])('%s is said as: %s', (text, sentence) => {
  expect(claimSentence(claim(text))).toBe(sentence);
});

test.each([
  ['machines', ['machines list *'], false],
  ['machines', ['machines get *'], true],
  ['machines', ['machines,jobs list,get web-1'], true],
  ['machines', ['* * *'], true],
  ['machines', ['jobs get *'], false],
  ['files', ['files get *'], false],
  ['files', ['files list *'], true],
  ['users', ['info get *', 'users get,password,token ann'], false],
  ['users', ['users get *', 'users get,password,token ann'], true],
  ['roles', ['roles get ann'], true],
])('a list of %s shows something with %j: %s', (prefix, claims, yes) => {
  expect(listsSome(claims.map(claim), prefix, 'ann')).toBe(yes);
});

test('what opens a list is what the server goes by', () => {
  expect(claimSentence(listClaim('machines'))).toBe('get all machines');
  expect(claimSentence(listClaim('files'))).toBe('list files');
});
