// How the API of a lab tells that it is one.

/** The header of a lab's answers: its machines cost nothing. */
export const labHeader = 'x-metalkit-lab'

/** The variable with the API's URL of a lab that ends, with its machines, when its command ends. */
export const temporaryVariable = 'METAL_LAB_TEMPORARY'
