// Reservations and assignments in the form of the cloud's file.
import { z } from 'zod'

import { reservationKinds } from './reservation.ts'

/** A reservation. */
export const reservationSchema = z.object({
  id: z.uuid(),
  projectId: z.uuid(),
  kind: z.enum(reservationKinds),
  block: z.string(),
  metro: z.string().optional(),
  facility: z.string().optional(),
  tags: z.array(z.string()),
  details: z.string().nullable(),
  customdata: z.record(z.string(), z.unknown()),
  createdAt: z.iso.datetime(),
})

/** An assignment. */
export const assignmentSchema = z.object({
  id: z.uuid(),
  reservationId: z.uuid(),
  deviceId: z.uuid(),
  block: z.string(),
  customdata: z.record(z.string(), z.unknown()),
  createdAt: z.iso.datetime(),
})
