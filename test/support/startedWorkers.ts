// Writes down which file each thread and each process of a program starts with: `node --import startedWorkers.ts program/main.js`,
// into the file that STARTED_WORKERS names.
import { appendFileSync } from "node:fs"

appendFileSync(process.env["STARTED_WORKERS"]!, `${process.argv[1]}\n`)
