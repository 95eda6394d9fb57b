// The fault matrix of `run` against a rack of simulated machines. `METALKIT_MATRIX=all` plays all its cases.
import { metalCloud } from '../clouds.ts'
import { playTable } from './play.ts'
import { openRackStage } from './rack-stage.ts'
import { oneOfEachKind, table } from './table.ts'

const cases = process.env['METALKIT_MATRIX'] === 'all' ? table : oneOfEachKind(table)
playTable('a rack', cases, { ...metalCloud, open: openRackStage })
