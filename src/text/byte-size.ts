// File sizes in a form for people.

const units = ['kB', 'MB', 'GB', 'TB']

/** `999 bytes`, `1.2 kB`, `135.0 MB`: in powers of 1000, as disks and networks are sold. */
export function formatSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`
  let value = bytes / 1000
  let unit = 0
  // A value that rounds to 1000.0 becomes 1.0 of the next unit.
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${value.toFixed(1)} ${units[unit]}`
}
