/** Nominal typing for ids: a branded string comes only from its parser, so a raw string never reaches the core. */

/** A `Base` that only the parser of `Name` can make. */
export type Brand<Base, Name extends string> = Base & { readonly __brand: Name };
