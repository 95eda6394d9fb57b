// The routes behind `metalkit rack list` and `metalkit rack release`.
import { RackError } from '../errors.ts'
import { ok, unprocessable } from '../lab/web/answer.ts'
import type { Route } from '../lab/web/router.ts'
import type { RackDriver } from './machines/driver.ts'

/** `GET /lab/machines`, and `POST /lab/machines/{name}/release`. */
export function rackRoutes(driver: RackDriver): Route[] {
  return [
    ['GET /lab/machines', () => ok({ machines: driver.views() })],
    [
      'POST /lab/machines/{name}/release',
      async ({ parameters: [name = ''] }) => {
        const find = () => driver.views().find((machine) => machine.name === name)
        const before = find()
        try {
          await driver.release(name)
        } catch (error) {
          if (!(error instanceof RackError)) throw error
          return unprocessable(error.hint === undefined ? error.message : `${error.message}; ${error.hint}`)
        }
        const { holder, why } = find() ?? {}
        return ok({ holder, why, isOther: before?.why !== undefined })
      },
    ],
  ]
}
