import { assert, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { readMembers } from "../../src/health/MemberSettings.ts"
import { Settings } from "../../src/Settings.ts"

type Written = Parameters<typeof Settings.layerTest>[0]

const read = (settings: Written) => Effect.provide(readMembers("parakeet"), Settings.layerTest(settings))
const refusal = (settings: Written) => Effect.map(Effect.flip(read(settings)), ({ message }) => message)

it.effect("without a URL the engine is inside this process; one URL is one engine with the settings of its kind", () =>
  Effect.gen(function* () {
    const [inside, ...none] = yield* read({})
    assert.deepStrictEqual([inside.address, inside.concurrency, none], [undefined, 1, []])
    const [one] = yield* read({ parakeetUrl: "http://a:9000", parakeetConcurrency: "3", parakeetRestart: "docker:a" })
    assert.deepInclude(one, { concurrency: 3, restart: { kind: "docker", container: "a" }, onDemand: undefined })
    assert.deepInclude(one.address, { url: new URL("http://a:9000"), protocol: "auto" })
  }),
)

it.effect("each of a list has options of its own, and the settings of its kind where it says nothing", () =>
  Effect.gen(function* () {
    const [a, b, c] = yield* read({
      parakeetConcurrency: "2",
      parakeetProtocol: "nim",
      parakeetIdle: "1 hour",
      parakeetUrls: `
        http://a:9000 restart=docker:a,
        http://b:9000 protocol=openai key=sk-b model=tdt concurrency=4 restart=command:["ssh", "b", "docker restart b"]
          start=command:["up"] stop=docker:b idle="5 minutes",
        https://c/asr restart=docker:c`,
    })
    assert.deepInclude(a, { concurrency: 2, restart: { kind: "docker", container: "a" } })
    assert.deepStrictEqual(a.onDemand, { idleMillis: 3_600_000, start: a.restart as never, stop: a.restart as never })
    assert.deepInclude(a.address, { url: new URL("http://a:9000"), protocol: "nim", key: undefined })
    assert.deepInclude(b!.address, { protocol: "openai", model: "tdt" })
    assert.strictEqual(Redacted.value(b!.address.key!), "sk-b")
    assert.deepInclude(b, {
      concurrency: 4,
      restart: { kind: "command", program: "ssh", args: ["b", "docker restart b"] },
      onDemand: {
        idleMillis: 300_000,
        start: { kind: "command", program: "up", args: [] },
        stop: { kind: "docker", container: "b" },
      },
    })
    assert.strictEqual(c!.address.url.href, "https://c/asr")
  }),
)

it.effect("a list that cannot be is refused with the member and what is wrong, and without its key or password", () =>
  Effect.gen(function* () {
    const url = "http://me:s3cret@b:9000"
    const wrong: ReadonlyArray<readonly [list: string, says: string]> = [
      ["b:9000", "of b:9000, what stands first is no http:// or https:// URL"],
      ["protocol=nim http://b:9000", "of number 1, what stands first"],
      [`${url} key=hidden-key concurency=2`, 'of http://b:9000/, "concurency" is no option'],
      [`${url} hidden-key`, "of http://b:9000/, something is not written name=value"],
      [`${url} model=`, "model= has no value"],
      [`${url} model=a model=b`, "model= is there twice"],
      [`${url} concurrency=0`, "concurrency=0 is not a whole number from 1 to 1000"],
      [`${url} protocol=grpc`, "protocol=grpc is not auto, nim or openai"],
      [`${url} restart=systemd:x`, 'restart= of http://b:9000/ in AVIARY_PARAKEET_URLS="systemd:x" is not valid'],
      [
        `${url} idle="5 minutes"`,
        "needs a way to be started and one to be stopped: start= and stop=, or restart=docker:NAME",
      ],
      [",", "AVIARY_PARAKEET_URLS names no engine"],
    ]
    for (const [parakeetUrls, says] of wrong) {
      const message = yield* refusal({ parakeetUrls })
      assert.include(message, says)
      assert.notMatch(message, /s3cret|hidden-key/)
    }
  }),
)

it.effect("what is of one engine is not said of several", () =>
  Effect.gen(function* () {
    const parakeetUrls = "http://a:9000"
    assert.include(yield* refusal({ parakeetUrls, parakeetUrl: "http://b:9000" }), "are both set: name all in")
    assert.include(yield* refusal({ parakeetUrls, parakeetRestart: "docker:a" }), "write restart= after its URL")
    assert.include(
      yield* refusal({ parakeetUrl: "http://a:9000", parakeetIdle: "1 hour" }),
      "Set AVIARY_PARAKEET_START and AVIARY_PARAKEET_STOP, or AVIARY_PARAKEET_RESTART=docker:NAME.",
    )
  }),
)
