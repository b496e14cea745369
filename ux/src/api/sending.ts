/** A body of which one wants to know how far it is. `fetch` tells nothing before the answer; XMLHttpRequest does. */

/** `total` is what the body is as it is sent. */
export type Sent = (bytes: number, total: number) => void;

/** Statuses that `Response` takes without a body only. */
const BODILESS = new Set([204, 205, 304]);

/** `name: value` a line, as XMLHttpRequest tells them. */
export function headersOf(lines: string): Headers {
  const headers = new Headers();
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return headers;
}

/**
 * As `fetch`, and no more than the client asks of it. It cannot be told to leave the browser's own credentials out: the server
 * sets no cookie, and answers a refused token by a challenge that opens no dialogue of the browser.
 */
export function sendWatched(address: string, init: RequestInit, sent: Sent): Promise<Response> {
  return new Promise((resolve, reject) => {
    const { signal } = init;
    if (signal?.aborted) return reject(signal.reason as Error);
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    signal?.addEventListener('abort', stop);
    request.open(init.method ?? 'POST', address);
    request.responseType = 'arraybuffer';
    new Headers(init.headers).forEach((value, name) => request.setRequestHeader(name, value));
    request.upload.onprogress = ({ loaded, total }) => sent(loaded, total);
    request.onabort = () => reject(signal?.reason as Error);
    request.onerror = () => reject(new TypeError('The connection was cut.'));
    // What answers from elsewhere is not who was asked.
    request.onload = () => (request.responseURL === new URL(address, location.href).href ? resolve(responseOf(request)) : reject(new TypeError('The answer came from another address.')));
    request.onloadend = () => signal?.removeEventListener('abort', stop);
    request.send(init.body as XMLHttpRequestBodyInit);
  });
}

function responseOf(request: XMLHttpRequest): Response {
  const body = BODILESS.has(request.status) ? null : (request.response as ArrayBuffer);
  return new Response(body, { status: request.status, headers: headersOf(request.getAllResponseHeaders()) });
}
