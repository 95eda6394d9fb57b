// Configuration files of the aws and oci programs, as these read them: with Python's configparser, which refuses what is not clear.

/** Settings by section, then by name; a setting indented below a name is `name.other`. */
export type Sections = Map<string, Map<string, string>>

/** A line that configparser does not take either. */
export class IniError extends Error {
  override name = 'IniError'
}

/** A file that is being read. */
interface Reading {
  sections: Sections
  heading: string | undefined
  /** The last setting, to which lines that are indented more belong. */
  name: string | undefined
  indent: number
  /** Removes what the dialect counts as a comment from a value. */
  strip: (value: string) => string
}

/** Settings of this section count in every other. */
export const everywhere = 'DEFAULT'

/** What differs between programs. */
interface Dialect {
  /** Whether white space and # or ; begin a comment after a value. */
  hasInlineComments: boolean
  /** Whether DEFAULT is a section like any other too. */
  isDefaultSection: boolean
}

// aws keeps a comment after a value, which makes it wrong; SDKs drop it. It begins with white space, since keys may contain # and ;.
const aws: Dialect = { hasInlineComments: true, isDefaultSection: false }

function openSection(reading: Reading, heading: string): void {
  // Only this one may be repeated.
  if (reading.sections.has(heading) && heading !== everywhere) throw new IniError(`a second [${heading}]`)
  if (!reading.sections.has(heading)) reading.sections.set(heading, new Map())
  reading.heading = heading
  reading.name = undefined
}

function addSetting(reading: Reading, section: Map<string, string>, line: string): void {
  const [, written = '', value = ''] = /^([^=:]*)[=:](.*)$/s.exec(line) ?? []
  const name = written.trim().toLowerCase()
  if (name === '') throw new IniError('neither a [section] nor "name = value"')
  if (section.has(name)) throw new IniError(`a second "${name}" in [${reading.heading}]`)
  section.set(name, reading.strip(value.trim()))
  reading.name = name
}

/** A line that is indented more than the setting above: a setting below its name, or more of its value. */
function continueSetting({ strip }: Reading, section: Map<string, string>, name: string, line: string): void {
  const value = section.get(name) ?? ''
  if (value !== '') {
    section.set(name, `${value}\n${line}`)
    return
  }
  const [, inner, innerValue = ''] = /^([^=]*)=(.*)$/s.exec(line) ?? []
  if (inner === undefined) throw new IniError(`not "name = value" below "${name}"`)
  section.set(`${name}.${inner.trim()}`, strip(innerValue.trim()))
}

function takeLine(reading: Reading, text: string): void {
  const line = text.trim()
  if (line === '' || /^[#;]/.test(line)) return
  const indent = text.search(/\S/)
  const section = reading.heading === undefined ? undefined : reading.sections.get(reading.heading)
  if (section !== undefined && reading.name !== undefined && indent > reading.indent) {
    continueSetting(reading, section, reading.name, line)
    return
  }
  reading.indent = indent
  const heading = /^\[(.+)\]/.exec(line)?.[1]
  if (heading !== undefined) openSection(reading, heading)
  else if (section === undefined) throw new IniError('text before the first [section]')
  else addSetting(reading, section, line)
}

/**
 * Parses a file: names in any case, `=` or `:`, indented lines belong to the line above.
 * @throws IniError naming the line, if configparser refuses the file
 */
export function parseIni(bytes: Buffer, { hasInlineComments, isDefaultSection }: Dialect = aws): Sections {
  const strip = (value: string) => (hasInlineComments ? value.replace(/\s+[#;].*$/, '') : value)
  const reading: Reading = { sections: new Map(), heading: undefined, name: undefined, indent: 0, strip }
  const text = bytes.toString()
  if (!Buffer.from(text).equals(bytes)) throw new IniError('it is not UTF-8')
  if (text.startsWith('\uFEFF')) throw new IniError('line 1: a byte-order mark before the text')
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    try {
      takeLine(reading, line)
    } catch (error) {
      throw error instanceof IniError ? new IniError(`line ${index + 1}: ${error.message}`) : error
    }
  }
  const { sections } = reading
  const common = sections.get(everywhere)
  if (!isDefaultSection) sections.delete(everywhere)
  for (const [heading, settings] of sections) sections.set(heading, new Map([...(common ?? []), ...settings]))
  return sections
}
