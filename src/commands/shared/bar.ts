// Progress as text.

const barWidth = 20

/** `[########------------] 40%`. */
export function renderBar(percentage: number): string {
  const full = Math.round((Math.min(100, Math.max(0, percentage)) / 100) * barWidth)
  return `[${'#'.repeat(full)}${'-'.repeat(barWidth - full)}] ${Math.round(percentage)}%`
}

/** `1m05s`. */
export function renderElapsed(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`
}
