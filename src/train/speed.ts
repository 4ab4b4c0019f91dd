/** Seconds per step since the last report, without the pauses and the first slow steps on fresh memory. */
export class Speed {
  #step: number
  #time = performance.now()
  #last = Number.POSITIVE_INFINITY

  constructor(step: number) {
    this.#step = step
  }

  secondsPerStep(step: number): number {
    if (step > this.#step) this.#last = (performance.now() - this.#time) / 1000 / (step - this.#step)
    this.#step = step
    this.#time = performance.now()
    return this.#last
  }

  async pause(work: () => Promise<void>): Promise<void> {
    const began = performance.now()
    await work()
    this.#time += performance.now() - began
  }
}
