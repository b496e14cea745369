import { test } from 'vitest';
import { login, openTab, Server, startBrowser, picture } from '../harness';
test('ws', async () => {
  const server = await Server.start('site-a'); const browser = await startBrowser();
  const { page, faults } = await openTab(browser, server);
  page.on('console', (m) => console.log(m.type(), m.text()));
  await login(page, server, 'machines');
  await page.waitForTimeout(4000);
  console.log(await page.locator('header').innerText(), faults);
  console.log(await page.evaluate(() => new Promise((r) => { const t = sessionStorage.getItem('mullion.session')!.split('\n')[1]!; const w = new WebSocket(`wss://${location.host}/api/v3/ws?token=${encodeURIComponent(t)}`); w.onopen = () => r('open'); w.onclose = (e) => r('close ' + e.code + e.reason); })));
  console.log(server.log().split('\n').filter((l) => /ws/.test(l)).slice(-5));
  await browser.close(); await server.stop();
});
