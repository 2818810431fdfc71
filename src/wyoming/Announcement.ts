import { Bonjour } from "bonjour-service"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import { networkInterfaces } from "node:os"

/** How the local network is reached; a test has a network of its own. */
export interface Network {
  readonly port?: number
  readonly ip?: string
  readonly multicast?: boolean
  readonly bind?: false
  readonly socket?: unknown
}

/** Networks that a machine has within itself. Nobody outside reaches an address of theirs, nor one of a single wire. */
const within = /^(docker|br-|veth|virbr|cni|flannel|podman|lxc)/

const reachable = () =>
  Object.entries(networkInterfaces())
    .filter(([name]) => !within.test(name))
    .flatMap(([, addresses = []]) => addresses.filter(({ internal }) => !internal))
    .filter(({ address }) => !/^(fe80:|169\.254\.)/i.test(address))

/** Home Assistant knows a gateway again by its name, and two of one name would be one to it: this one has the card's number in it. */
const identity = () =>
  createHash("sha256")
    .update(reachable()[0]?.mac ?? "")
    .digest("hex")
    .slice(0, 8)

const unheard = "The local network cannot be told of Wyoming; give Home Assistant the gateway's address by hand."

/** `bonjour-service` leaves the failures of its socket to whoever listens, and ends the process where nobody does. */
interface WithSocket {
  readonly server: { readonly mdns: NodeJS.EventEmitter }
}

/**
 * Tells the local network by multicast DNS that Wyoming is spoken at `host` and `port`, so that Home Assistant finds it; taken back with
 * the scope. Where the network cannot be told, the log says so.
 */
export const announce = (host: string, port: number, network: Network = {}) =>
  Effect.gen(function* () {
    const run = Effect.runForkWith(yield* Effect.context<never>())
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const bonjour = new Bonjour(network, () => {})
        const { mdns } = (bonjour as unknown as WithSocket).server
        let failed = false
        mdns.on("error", (error: Error) => {
          if (!failed) run(Effect.logWarning(unheard, error.message))
          failed = true
        })
        const id = identity()
        const service = bonjour.publish({
          ...{ name: `Aviary ${id} ${port}`, host: `aviary-${id}.local` },
          ...{ type: "wyoming", protocol: "tcp", port },
        })
        // They are asked for once it has been asked whether the name is free.
        const all = service.records.bind(service)
        const everywhere = host === "0.0.0.0" || host === "::"
        service.records = () => {
          const listened = new Set(everywhere ? reachable().map(({ address }) => address) : [host])
          return all().filter(({ data, type }) => (type !== "A" && type !== "AAAA") || listened.has(data as string))
        }
        return bonjour
      }),
      (bonjour) =>
        Effect.callback<void>((resume) => {
          bonjour.unpublishAll(() => {
            try {
              bonjour.destroy(() => resume(Effect.void))
            } catch {
              // Its socket never was one.
              resume(Effect.void)
            }
          })
        }).pipe(Effect.timeoutOption("2 seconds")),
    )
  })
