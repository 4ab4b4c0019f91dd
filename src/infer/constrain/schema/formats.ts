/** The formats that answers follow, as regular expressions; others are notes for the reader, as JSON Schema has it. */
const day =
  '(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))'
// Never the 29th of February, and the years have four digits.
const date = `\\d{4}-${day}`
const clock = '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d'
const time = `${clock}(?:\\.\\d{1,6})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)`
const byte = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,20}[A-Za-z0-9])?'
const host = `${label}(?:\\.${label}){0,4}`
const span =
  'P(?:\\d{1,4}W|(?:\\d{1,4}Y(?:\\d{1,4}M(?:\\d{1,4}D)?)?|\\d{1,4}M(?:\\d{1,4}D)?|\\d{1,4}D)(?:T(?:\\d{1,4}H(?:\\d{1,4}M(?:\\d{1,4}S)?)?|\\d{1,4}M(?:\\d{1,4}S)?|\\d{1,4}S))?|T(?:\\d{1,4}H(?:\\d{1,4}M(?:\\d{1,4}S)?)?|\\d{1,4}M(?:\\d{1,4}S)?|\\d{1,4}S))'

export const FORMATS: ReadonlyMap<string, string> = new Map([
  ['date', `^${date}$`],
  ['time', `^${time}$`],
  ['date-time', `^${date}T${time}$`],
  ['duration', `^${span}$`],
  ['uuid', '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'],
  ['ipv4', `^${byte}(?:\\.${byte}){3}$`],
  ['ipv6', '^(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}$'],
  ['hostname', `^${host}$`],
  ['email', `^[A-Za-z0-9_+-]{1,30}(?:\\.[A-Za-z0-9_+-]{1,30})?@${label}(?:\\.${label}){1,3}$`],
  ['uri', "^https?://[A-Za-z0-9-]{1,60}(?:\\.[A-Za-z0-9-]{1,60}){0,4}(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]*)*$"],
])
