// Reservations and assignments in the form of the cloud's file.
import { z } from 'zod/mini'

import { savedId } from '../../storage/saved-id.ts'
import { reservationKinds } from './reservation.ts'

/** A reservation. */
export const reservationSchema = z.object({
  id: savedId,
  projectId: savedId,
  kind: z.enum(reservationKinds),
  block: z.string(),
  metro: z.optional(z.string()),
  facility: z.optional(z.string()),
  tags: z.array(z.string()),
  details: z.nullable(z.string()),
  customdata: z.record(z.string(), z.unknown()),
  createdAt: z.iso.datetime(),
})

/** An assignment. */
export const assignmentSchema = z.object({
  id: savedId,
  reservationId: savedId,
  deviceId: savedId,
  block: z.string(),
  customdata: z.record(z.string(), z.unknown()),
  createdAt: z.iso.datetime(),
})
