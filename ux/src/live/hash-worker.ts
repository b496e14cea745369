/** Reads a file and tells its checksum, away from the page: gigabytes are read once, in pieces. */
import { Sha256 } from './sha256';

const PIECE = 4 * 1024 * 1024;

self.onmessage = async (message: MessageEvent<File>) => {
  const file = message.data;
  const hash = new Sha256();
  try {
    for (let at = 0; at < file.size; at += PIECE) {
      hash.update(new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer()));
      self.postMessage({ done: Math.min(file.size, at + PIECE) });
    }
    self.postMessage({ sha: hash.finish() });
  } catch (failure) {
    self.postMessage({ failed: failure instanceof Error ? failure.message : String(failure) });
  }
};
