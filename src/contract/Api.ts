import { HttpApi, OpenApi } from "effect/http-api"
import { AdminAccountsGroup } from "./AdminAccountsGroup.ts"
import { AdminCacheGroup } from "./AdminCacheGroup.ts"
import { AdminEnginesGroup } from "./AdminEnginesGroup.ts"
import { AdminKeysGroup } from "./AdminKeysGroup.ts"
import { AdminRatesGroup } from "./AdminRatesGroup.ts"
import { AdminSettingsGroup } from "./AdminSettingsGroup.ts"
import { AdminTrafficGroup } from "./AdminTrafficGroup.ts"
import { AudioGroup } from "./AudioGroup.ts"
import { ConsoleGroup } from "./ConsoleGroup.ts"
import { completed } from "./Description.ts"
import { HealthGroup } from "./HealthGroup.ts"
import { ModelsGroup } from "./ModelsGroup.ts"
import { OrganizationGroup } from "./OrganizationGroup.ts"

/** What clients see. `/docs` and `/openapi.json` are made from it. */
export class Api extends HttpApi.make("aviary")
  .add(AudioGroup)
  .add(ModelsGroup)
  .add(HealthGroup)
  .add(OrganizationGroup)
  .add(AdminAccountsGroup)
  .add(AdminKeysGroup)
  .add(AdminRatesGroup)
  .add(AdminEnginesGroup)
  .add(AdminCacheGroup)
  .add(AdminTrafficGroup)
  .add(AdminSettingsGroup)
  .add(ConsoleGroup)
  .annotateMerge(
    OpenApi.annotations({
      title: "Aviary",
      version: "1",
      description:
        "One URL for speech: OpenAI's audio API in front of Magpie (text to speech) and Parakeet (speech to text).",
      transform: completed,
    }),
  ) {}
