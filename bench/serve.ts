import type { BenchOptions } from './bench.ts'
export function bench(_options: BenchOptions): Promise<void> {
  return Promise.reject(new Error('to come'))
}
