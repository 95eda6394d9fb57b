// An id in the form of the cloud's file.
import { z } from 'zod/mini'

/** An id: files are named after it. */
export const savedId = z.string().check(z.regex(/^\w[\w.-]{0,254}$/))
