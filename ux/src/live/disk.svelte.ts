/** A server that has no room for another write says 507: said above every page, until a write succeeds. */
class Disk {
  /** what the server said; empty: nothing is known to be full */
  full = $state('');

  /** Of every write that ended: its status where it was refused, and the words. */
  heard(status: number | undefined, words: string): void {
    if (status === 507) this.full = words || 'no room is left';
    else if (status === undefined) this.full = '';
  }
}

export const disk = new Disk();
