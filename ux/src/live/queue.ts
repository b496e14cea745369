/** Runs at most `width` requests at once; those asked last go first, because they are what is on the screen now. */
export class Queue {
  private running = 0;
  private waiting: { run: () => Promise<void>; cancelled: () => boolean }[] = [];

  constructor(private readonly width: number) {}

  add(run: () => Promise<void>, cancelled: () => boolean): void {
    this.waiting.push({ run, cancelled });
    this.next();
  }

  private next(): void {
    while (this.running < this.width && this.waiting.length > 0) {
      const job = this.waiting.pop()!;
      if (job.cancelled()) continue;
      this.running++;
      void job.run().finally(() => {
        this.running--;
        this.next();
      });
    }
  }
}
