import { adminToken, names, oneOf, port } from "./SettingKinds.ts"

/** What is set of Home Assistant's protocol. */
export const wyomingSettings = {
  wyomingPort: port(
    "AVIARY_WYOMING_PORT",
    undefined,
    "Port on which Home Assistant's Wyoming protocol is spoken; 10300 is usual. Unset: it is not.",
  ),
  wyomingKey: adminToken(
    "AVIARY_WYOMING_KEY",
    undefined,
    "Key of the account that pays for what comes by Wyoming, which knows no keys. Needed with AVIARY_ACCESS=keys.",
  ),
  wyomingLanguages: names(
    "AVIARY_WYOMING_LANGUAGES",
    "",
    "Languages that Home Assistant may choose for speech to text, such as `de-DE,fr-FR`: it offers no others. Unset: the one that the engine listens for when none is said.",
  ),
  wyomingZeroconf: oneOf("on", "off")(
    "AVIARY_WYOMING_ZEROCONF",
    "on",
    "Whether the local network is told by multicast DNS, so that Home Assistant finds the gateway. Never when listening on loopback.",
  ),
}
