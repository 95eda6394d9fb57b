// A server's activity: events for scripts, and for people a table below the log.
import type { Context, Reporter } from '../../io.ts'
import { showLiveTable } from './live-table.ts'
import { renderBootLines } from '../../serve/boot-table.ts'
import type { Server } from '../../serve/server.ts'

/** Reports each request as an event. */
export function reportServed(server: Server, report: Reporter): void {
  server.onServed(({ client, method, path, status, bytes, startedMs, endedMs, cut }) => {
    const ms = Math.round((endedMs ?? performance.now()) - startedMs)
    report.event('served', { client, method, path, status, bytes, ms, complete: cut === undefined })
  })
}

/** Shows the booting machines in a terminal until disposed; elsewhere it shows nothing. */
export function showBoots(server: Server, context: Pick<Context, 'report' | 'stderr'>): Disposable {
  return showLiveTable(context, 4, (rows) => renderBootLines(server.boots.list(), rows))
}
