// The serial console in the page.
import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'

import { isTerminalAnswer } from '../../../terminal-answer.ts'
import type { Keyboard } from '../messages.ts'
import { element, setText } from './elements.ts'

/** Longest piece that is sent at once; what is pasted may be longer. */
const pieceLength = 8192

function toBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)))
}

function fromBase64(data: string): Uint8Array {
  return Uint8Array.from(atob(data), (character) => character.charCodeAt(0))
}

const notes: Readonly<Record<Keyboard, string>> = {
  free: 'looking on; type to take the keyboard',
  yours: 'the keyboard is yours; F6 leaves the console',
  taken: 'looking on; another session has the keyboard',
}

/** What the pane asks for. */
export interface ConsoleParts {
  onTake: () => void
  onRelease: () => void
  /** Keys, as base64 of their UTF-8. */
  onKeys: (data: string) => void
}

/** A terminal that shows one machine at a time. */
export class ConsolePane {
  readonly #terminal = new Terminal({
    fontSize: 13,
    scrollback: 5000,
    screenReaderMode: false,
    theme: { background: '#0d1014' },
  })
  readonly #fit = new FitAddon()
  #keyboard: Keyboard = 'free'

  constructor(parts: ConsoleParts) {
    const { onTake, onRelease, onKeys } = parts
    this.#terminal.loadAddon(this.#fit)
    this.#terminal.open(element('terminal'))
    this.#terminal.attachCustomKeyEventHandler((event) => {
      // Who only goes through the page by Tab gets on; once the keyboard is taken, Tab is the machine's.
      if (event.key === 'Tab') return this.#keyboard === 'yours'
      if (event.key !== 'F6') return true
      if (event.type === 'keydown') element('hand').focus()
      return false
    })
    this.#terminal.onData((text) => {
      // xterm.js answers machines by itself: who only looks on has not typed.
      if (this.#keyboard !== 'yours' && isTerminalAnswer(text)) return
      if (this.#keyboard === 'free') onTake()
      for (let at = 0; at < text.length; at += pieceLength) onKeys(toBase64(text.slice(at, at + pieceLength)))
    })
    element('hand').addEventListener('click', () => {
      if (this.#keyboard === 'yours') return onRelease()
      onTake()
      this.#terminal.focus()
    })
    // xterm.js loses its place in the text when it is resized while it cannot be seen (its issue 6117). This observer is made
    // after its own, so that it is told later that the terminal is in view.
    let isInView = false
    const fit = () => {
      if (isInView) this.#fit.fit()
    }
    new IntersectionObserver((entries) => {
      isInView = entries.at(-1)?.isIntersecting === true
      fit()
    }).observe(element('terminal'))
    new ResizeObserver(fit).observe(element('terminal'))
  }

  /** Shows what a machine printed; from the start where another machine was shown before. */
  show(data: string, isStart: boolean): void {
    if (isStart) this.#terminal.reset()
    this.#terminal.write(fromBase64(data))
  }

  /** Shows who has the keyboard. */
  setKeyboard(keyboard: Keyboard): void {
    this.#keyboard = keyboard
    setText('keyboard', notes[keyboard])
    setText('hand', keyboard === 'yours' ? 'Let go' : 'Type here')
    element('hand').toggleAttribute('disabled', keyboard === 'taken')
  }
}
