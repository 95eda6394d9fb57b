// The computer of a run, without which its figures mean nothing.
import { cpus, loadavg, release, totalmem } from 'node:os'

/** `2 × AMD EPYC, 24 GB, Linux 6.1, Node 20.19.0, load 0.3`. */
export function describeMachine(): string {
  const memory = Math.round(totalmem() / 1e9)
  const [load = 0] = loadavg()
  const parts = [
    `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    `${memory} GB`,
    `Linux ${release()}`,
    `Node ${process.versions.node}`,
    `load ${load.toFixed(1)} at the start`,
    new Date().toISOString().slice(0, 10),
  ]
  return parts.join(', ')
}
