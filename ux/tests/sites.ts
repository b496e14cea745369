/** A small estate for tests of configuration: a manager with a catalog and version sets, and sites that it configures. */
import { Server, until } from './harness';

export interface Sites {
  manager: Server;
  sites: Server[];
  stop(): Promise<void>;
}

const section = (name: string, version: string) => ({
  profiles: { [`${name}-defaults`]: { Name: `${name}-defaults`, Description: `defaults of ${name} ${version}`, Documentation: `What ${name} brings.` } },
  params: {
    [`${name}/size`]: { Name: `${name}/size`, Description: `Size for ${name}. In gigabytes.`, Secure: false, Schema: { type: 'integer', minimum: 1, maximum: 64, default: 4 } },
  },
});

export function pack(name: string, version: string, more: Record<string, unknown> = {}): unknown {
  return { meta: { Name: name, Version: version, Description: `Pack ${name}`, DisplayName: name, ...more }, sections: section(name, version) };
}

async function done(server: Server, method: string, path: string, body: unknown, status: number): Promise<void> {
  const answer = await server.call(method, path, body);
  if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
}

/** Puts versions of packs into the catalog's tree and builds it. */
export async function fillCatalog(manager: Server, packs: [string, string, Record<string, unknown>?][]): Promise<void> {
  for (const [name, version, more] of packs) {
    await done(manager, 'POST', `files/rebar-catalog/${name}/${version}.json`, pack(name, version, more), 201);
  }
  await done(manager, 'POST', 'plugins/manager/actions/buildCatalog', {}, 200);
}

export async function attach(manager: Server, site: Server): Promise<void> {
  await done(manager, 'POST', 'plugins/manager/actions/addEndpoint', { 'manager/url': site.url, 'manager/username': 'rocketskates', 'manager/password': 'r0cketsk8ts' }, 200);
  await until(`${site.id} is connected`, async () => {
    const { body } = await manager.call('GET', `endpoints/${site.id}`);
    return (body as Record<string, unknown>)['ConnectionStatus'] === 'Connected';
  });
}

export async function startSites(ids: string[]): Promise<Sites> {
  const [manager, ...sites] = await Promise.all([Server.start('m1'), ...ids.map((id) => Server.start(id))]);
  await done(manager!, 'POST', 'prefs', { manager: 'true' }, 201);
  await fillCatalog(manager!, [['net-base', 'v1.0.0'], ['net-base', 'v1.1.0'], ['rack-tools', 'v2.0.0', { Prerequisites: 'net-base: >=1.0.0' }], ['lab-only', 'v0.9.0-tip.1']]);
  await Promise.all(sites.map((site) => attach(manager!, site)));
  await manager!.create('version_sets', { Id: 'base', Description: 'Everywhere', Components: [{ Name: 'net-base', Type: 'ContentPackage', Version: 'v1.0.0' }], Prefs: { defaultStage: 'none' } });
  await manager!.create('version_sets', {
    Id: 'spring',
    Description: 'The next one',
    Components: [{ Name: 'net-base', Type: 'ContentPackage', Version: 'stable' }, { Name: 'rack-tools', Type: 'ContentPackage', Version: 'v2.0.0' }],
    Global: { 'net-base/size': 8 },
  });
  return {
    manager: manager!,
    sites,
    stop: async () => {
      await Promise.all([manager!, ...sites].map((server) => server.stop()));
    },
  };
}
