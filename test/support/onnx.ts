/** Writes ONNX files by hand (protobuf, onnx.proto3), for models so small that a test can make them. */

const varint = (value: number): Buffer => {
  const bytes: Array<number> = []
  let rest = value
  while (rest > 127) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  return Buffer.from([...bytes, rest])
}

const bytes = (field: number, content: Uint8Array) =>
  Buffer.concat([varint(field * 8 + 2), varint(content.length), content])
const text = (field: number, content: string) => bytes(field, Buffer.from(content))
const int = (field: number, value: number) => Buffer.concat([varint(field * 8), varint(value)])
const message = (field: number, ...parts: ReadonlyArray<Uint8Array>) => bytes(field, Buffer.concat(parts))

/** Element types of onnx.proto3. */
export type ElementType = "float" | "int32" | "int64"
const elementTypes: Readonly<Record<ElementType, number>> = { float: 1, int32: 6, int64: 7 }

/** An input or output: a name stands for a length that nobody knows yet. */
export interface Value {
  readonly name: string
  readonly type: ElementType
  readonly shape: ReadonlyArray<number | string>
}

/** A constant; `values` row by row. */
export interface Constant extends Value {
  readonly shape: ReadonlyArray<number>
  readonly values: ReadonlyArray<number>
}

/** One operation; an attribute is an integer, or a list of them. */
export interface Step {
  readonly op: string
  readonly inputs: ReadonlyArray<string>
  readonly outputs: ReadonlyArray<string>
  readonly attributes?: Readonly<Record<string, number | ReadonlyArray<number>>>
}

export interface Model {
  /** An entry that is undefined is left out. */
  readonly metadata?: Readonly<Record<string, string | number | undefined>>
  readonly inputs: ReadonlyArray<Value>
  readonly outputs: ReadonlyArray<Value>
  readonly constants?: ReadonlyArray<Constant>
  readonly steps: ReadonlyArray<Step>
}

const valueInfo = (field: number, { name, shape, type }: Value) => {
  const dims = shape.map((dim) => message(1, typeof dim === "number" ? int(1, dim) : text(2, dim)))
  return message(field, text(1, name), message(2, message(1, int(1, elementTypes[type]), message(2, ...dims))))
}

const tensor = ({ name, shape, type, values }: Constant) => {
  const raw =
    type === "float"
      ? new Float32Array(values)
      : type === "int32"
        ? new Int32Array(values)
        : new BigInt64Array(values.map(BigInt))
  const data = new Uint8Array(raw.buffer)
  return message(5, ...shape.map((dim) => int(1, dim)), int(2, elementTypes[type]), text(8, name), bytes(9, data))
}

const attribute = (name: string, value: number | ReadonlyArray<number>) =>
  typeof value === "number"
    ? message(5, text(1, name), int(3, value), int(20, 2))
    : message(5, text(1, name), ...value.map((one) => int(8, one)), int(20, 7))

const node = ({ attributes = {}, inputs, op, outputs }: Step) =>
  message(
    1,
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => attribute(name, value)),
  )

/** The bytes of an ONNX file. */
export const onnx = ({ constants = [], inputs, metadata = {}, outputs, steps }: Model): Buffer =>
  Buffer.concat([
    int(1, 8),
    message(
      7,
      ...steps.map(node),
      text(2, "tiny"),
      ...constants.map(tensor),
      ...inputs.map((value) => valueInfo(11, value)),
      ...outputs.map((value) => valueInfo(12, value)),
    ),
    message(8, text(1, ""), int(2, 13)),
    ...Object.entries(metadata).flatMap(([key, value]) =>
      value === undefined ? [] : [message(14, text(1, key), text(2, String(value)))],
    ),
  ])
