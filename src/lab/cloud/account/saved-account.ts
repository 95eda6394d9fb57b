// Projects, the user and API keys in the form of the cloud's file.
import { z } from 'zod/mini'

import { savedId } from '../../storage/saved-id.ts'

/** A project. */
export const savedProjectSchema = z.object({
  id: savedId,
  name: z.string(),
  tags: z.array(z.string()),
  customdata: z.record(z.string(), z.unknown()),
  backendTransfer: z.boolean(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
})

/** The user. */
export const userSchema = z.object({
  firstName: z.string(),
  lastName: z.string(),
  timezone: z.string(),
  phoneNumber: z.string(),
  customdata: z.record(z.string(), z.unknown()),
  updatedAt: z.iso.datetime(),
})

/** An API key. */
export const apiKeySchema = z.object({
  id: savedId,
  token: z.string().check(z.minLength(32)),
  description: z.string(),
  readOnly: z.boolean(),
  projectId: z.optional(savedId),
  createdAt: z.iso.datetime(),
})
