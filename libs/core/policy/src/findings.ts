/** One fault of a role, at its place in what was checked: `roles[2].rules[0].when.arguments.customer_id`. */
export interface Finding {
  readonly path: string;
  readonly message: string;
}
