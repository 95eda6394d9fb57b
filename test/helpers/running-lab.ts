// The record of a running lab, without the lab.
import type { RunningLab } from '../../src/lab/storage/running-labs.ts'

/** A record of a lab on the default ports. */
export function labRecord(name: string): Omit<RunningLab, 'process' | 'startedAt'> {
  const origin = 'http://127.0.0.1:7070'
  return { name, origin, apiUrl: origin, sos: { host: '127.0.0.1', port: 7022 }, token: '', environment: {} }
}
