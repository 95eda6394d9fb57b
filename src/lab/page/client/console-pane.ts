// The serial console in the page.
import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'

import type { Keyboard } from '../messages.ts'
import { element, setText } from './elements.ts'

/** The longest piece that is sent at once; pasted text may be longer. */
const pieceLength = 8192

function toBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)))
}

function fromBase64(data: string): Uint8Array {
  return Uint8Array.from(atob(data), (character) => character.charCodeAt(0))
}

const notes: Readonly<Record<Keyboard, string>> = {
  free: 'watching; type to take the keyboard',
  yours: 'the keyboard is yours; F6 leaves the console',
  taken: 'another session is using this console; you can only watch until it leaves',
}

/** Columns of a serial console, which programs rely on. */
const minColumns = 80
const maxFontSize = 13
const minFontSize = 4

/** Whether a key is input, not a shortcut, page navigation or copying. */
function isTyping(event: KeyboardEvent): boolean {
  const isShortcut = (event.ctrlKey || event.altKey || event.metaKey) && !event.getModifierState('AltGraph')
  // A phone's keyboard and input methods do not name the key.
  return !isShortcut && (event.key.length === 1 || ['Enter', 'Unidentified', 'Process', 'Dead'].includes(event.key))
}

/** Callbacks of the pane. */
export interface PaneParts {
  onTake: () => void
  onRelease: () => void
  /** Keys, as base64 of their UTF-8. */
  onKeys: (data: string) => void
}

/** A terminal that shows one machine at a time. */
export class ConsolePane {
  readonly #terminal = new Terminal({
    // The size until the terminal is visible and fitted: a character's width is three fifths of its height.
    fontSize: Math.min(maxFontSize, innerWidth / minColumns / 0.65),
    scrollback: 5000,
    screenReaderMode: false,
    theme: { background: '#0d1014' },
  })
  readonly #fit = new FitAddon()
  #keyboard: Keyboard = 'free'
  /** True from the first key on, before the lab confirms who has the keyboard. */
  #hasTyped = false

  constructor(parts: PaneParts) {
    const { onTake, onRelease, onKeys } = parts
    const begin = () => {
      if (this.#keyboard !== 'free') return
      this.#hasTyped = true
      onTake()
    }
    this.#terminal.loadAddon(this.#fit)
    this.#terminal.open(element('terminal'))
    this.#terminal.attachCustomKeyEventHandler((event) => {
      if (event.key === 'F6') {
        if (event.type === 'keydown') element('hand').focus()
        return false
      }
      if (this.#hasTyped) return true
      // A user who is only watching navigates the page, copies and scrolls.
      if (!isTyping(event)) return false
      if (event.type === 'keydown') begin()
      return true
    })
    element('terminal').addEventListener('paste', begin, { capture: true })
    this.#terminal.onData((text) => {
      // xterm.js also answers queries from the machine, and turns the wheel into keys.
      if (!this.#hasTyped) return
      for (let at = 0; at < text.length; at += pieceLength) onKeys(toBase64(text.slice(at, at + pieceLength)))
    })
    element('hand').addEventListener('click', () => {
      if (this.#keyboard === 'yours') return onRelease()
      begin()
      this.#terminal.focus()
    })
    // xterm.js loses its scroll position when it is resized while it is not visible (its issue 6117). This observer is created
    // after xterm.js's own, so it learns later that the terminal is in view.
    let isInView = false
    const fit = () => {
      if (isInView) this.#fitColumns()
    }
    new IntersectionObserver((entries) => {
      isInView = entries.at(-1)?.isIntersecting === true
      fit()
    }).observe(element('terminal'))
    new ResizeObserver(fit).observe(element('terminal'))
  }

  /** Fills the container; if that is narrow, with a font small enough for 80 columns. */
  #fitColumns(): void {
    let size = maxFontSize
    this.#terminal.options.fontSize = size
    const columns = this.#fit.proposeDimensions()?.cols ?? minColumns
    if (columns < minColumns) {
      size = Math.max(minFontSize, Math.ceil((maxFontSize * (columns + 1) * 10) / minColumns) / 10)
      this.#terminal.options.fontSize = size
      // Browsers round the width of a character.
      while (size > minFontSize && (this.#fit.proposeDimensions()?.cols ?? minColumns) < minColumns) {
        size -= 0.1
        this.#terminal.options.fontSize = size
      }
    }
    this.#fit.fit()
  }

  /** Shows a machine's output; `isStart` clears the output of another machine. */
  show(data: string, isStart: boolean): void {
    if (isStart) {
      this.#hasTyped = false
      this.#terminal.reset()
    }
    this.#terminal.write(fromBase64(data))
  }

  /** Shows who has the keyboard. */
  setKeyboard(keyboard: Keyboard): void {
    // A message that the lab sent before it received the first key still says that the keyboard is free.
    if (keyboard !== 'free' || this.#keyboard === 'yours') this.#hasTyped = keyboard === 'yours'
    this.#keyboard = keyboard
    element('keyboard').dataset['keyboard'] = keyboard
    setText('keyboard', notes[keyboard])
    setText('hand', keyboard === 'yours' ? 'Let go' : 'Type here')
    element('hand').toggleAttribute('disabled', keyboard === 'taken')
  }

  /** The lab is not connected: nobody has the keyboard. */
  disconnect(): void {
    this.setKeyboard('free')
    this.#hasTyped = false
    setText('keyboard', 'not connected')
  }
}
