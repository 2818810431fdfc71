/** `url` as it may be shown and logged: without the name and password that it may hold. */
export const withoutCredentials = (url: URL): URL => {
  const plain = new URL(url)
  plain.username = ""
  plain.password = ""
  return plain
}

/** The `Authorization` header that stands for the name and password in `url`, if it has them. */
export const authorizationOf = ({ username, password }: URL): string | undefined =>
  username === "" && password === ""
    ? undefined
    : `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")}`
