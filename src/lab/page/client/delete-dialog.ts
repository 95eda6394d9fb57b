// The confirmation dialog before a machine is deleted.
import { element, setText } from './elements.ts'

/** Asks about one machine at a time. */
export class DeleteDialog {
  readonly #dialog: HTMLDialogElement
  #id: string | undefined

  /** `onConfirm` gets the id of the machine to delete. */
  constructor(onConfirm: (id: string) => void) {
    const dialog = element('ask')
    if (!(dialog instanceof HTMLDialogElement)) throw new Error('#ask is not a dialog')
    this.#dialog = dialog
    element('keep').addEventListener('click', () => dialog.close())
    element('confirm').addEventListener('click', () => {
      const id = this.#id
      dialog.close()
      if (id !== undefined) onConfirm(id)
    })
  }

  ask(id: string, hostname: string): void {
    this.#id = id
    setText('question', `Delete ${hostname}?`)
    this.#dialog.showModal()
  }

  /** Closes the dialog if its machine no longer exists. */
  keepOnly(ids: readonly string[]): void {
    if (this.#dialog.open && this.#id !== undefined && !ids.includes(this.#id)) this.#dialog.close()
  }
}
