// The fault matrix of `run` against a rack of simulated machines. `METALKIT_MATRIX=all` plays all its cases.
import { oneOfEachKind, playTable, table } from './table.ts'
import { openRackStage } from './rack-stage.ts'

playTable('a rack', process.env['METALKIT_MATRIX'] === 'all' ? table : oneOfEachKind, openRackStage)
