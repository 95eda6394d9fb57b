// The page's elements by their ids, and new ones.

/** The element of an id; the page's own HTML has them all. */
export function element(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no #${id}`)
  return found
}

/** A new element; text is never read as HTML. */
export function create(tag: string, attributes: Record<string, string>, ...children: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...children)
  return made
}

/** Sets a text where it has changed, so that selections stay. */
export function setText(id: string, text: string): void {
  const found = element(id)
  if (found.textContent !== text) found.textContent = text
}
