/** Numbers as people read them. */

/** 1234567 -> "1,234,567". */
export function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Three significant digits with a unit: 998, 1.23k, 45.6k, 789M. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '?'
  const units = ['', 'k', 'M', 'G', 'T']
  let scaled = value
  let unit = 0
  while (Math.abs(scaled) >= 999.5 && unit < units.length - 1) {
    scaled /= 1000
    unit++
  }
  if (unit === 0 && Number.isInteger(scaled)) return String(scaled)
  const digits = Math.abs(scaled) >= 99.95 ? 0 : Math.abs(scaled) >= 9.995 ? 1 : 2
  return `${scaled.toFixed(digits)}${units[unit]}`
}

/** 9000 seconds -> "2h 30m"; 75 -> "1m 15s"; 8 -> "8s". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '?'
  const whole = Math.round(seconds)
  const part = (size: number, within: number) => Math.floor(whole / size) % within
  if (whole < 60) return `${whole}s`
  if (whole < 3600) return `${part(60, 60)}m ${String(whole % 60).padStart(2, '0')}s`
  if (whole < 86_400) return `${part(3600, 24)}h ${String(part(60, 60)).padStart(2, '0')}m`
  return `${Math.floor(whole / 86_400)}d ${part(3600, 24)}h`
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let scaled = value
  let unit = 0
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000
    unit++
  }
  return `${unit === 0 || scaled >= 99.5 ? scaled.toFixed(0) : scaled.toFixed(1)} ${units[unit]}`
}

/** Rows of names and values, the values under one another. */
export function table(rows: Iterable<readonly [name: string, value: string | number | boolean]>): string {
  const list = [...rows]
  const width = Math.max(0, ...list.map(([name]) => name.length))
  return list.map(([name, value]) => `  ${name.padEnd(width)}  ${value}\n`).join('')
}

/** Text from a model or a file for a terminal: control characters that could steer it are shown instead of sent. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (char) =>
    char === '\r' ? '' : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}
