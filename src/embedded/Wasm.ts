// Node's types leave this global to the DOM's.
declare const WebAssembly: {
  readonly compile: (bytes: Uint8Array) => Promise<Module>
  readonly Instance: new (module: Module, imports: object) => Instance
}

/** A compiled module. It may be posted to other threads, which then share its machine code. */
export interface Module {
  readonly "~module": never
}

/** A program with a memory of its own. */
export interface Instance {
  readonly exports: { readonly memory: { readonly buffer: ArrayBuffer }; readonly _start: () => unknown }
}

/** Compiles off this thread. */
export const compile = (bytes: Uint8Array): Promise<Module> => WebAssembly.compile(bytes)

/** Instantiates on this thread, at once. */
export const instantiate = (module: Module, imports: object): Instance => new WebAssembly.Instance(module, imports)
