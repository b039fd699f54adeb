// The client that openapi-typescript and openapi-fetch make, with the types in `schema.ts`.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };
const [baseUrl, key] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });

function check(truth: boolean, what: unknown): asserts truth {
  if (!truth) throw new Error(JSON.stringify(what));
}

const body: components["schemas"]["NewPriceRule"] = { name: "At cost and 10 %", kind: "markup", percentage: 10 };
const rule = await client.POST("/v1/price_rules", { body });
check(rule.data?.kind === "markup" && rule.data.percentage === "10", rule.error ?? rule.data);

const created: number[] = [];
for (let number = 0; number < 7; number++) {
  const address = { street1: "1 Main St", city: "Springfield", state: "MA", zipcode: "01234", country: "US" };
  const made = await client.POST("/v2/customers", { body: { name: `TypeScript ${number}`, address } });
  check(made.data?.classification === "managed_without_access", made.error ?? made.data);
  created.push(made.data.id);
}
const walked: number[] = [];
for (let page = 1; ; page++) {
  const list = await client.GET("/v2/customers", { params: { query: { page, per_page: 3 } } });
  check(list.data !== undefined, list.error);
  if (list.data.customers.length === 0) break;
  walked.push(...list.data.customers.map((customer) => customer.id));
}
check(walked.length >= 7 && new Set(walked).size === walked.length, walked);
for (const id of created) {
  const params = { path: { id } };
  const one = await client.GET("/v2/customers/{id}", { params });
  check(one.data?.address?.city === "Springfield", one.error ?? one.data);
  const changed = await client.PUT("/v2/customers/{id}", { params, body: { name: `${one.data.name}, changed` } });
  check(changed.data?.name === `${one.data.name}, changed`, changed.error ?? changed.data);
  const deleted = await client.DELETE("/v2/customers/{id}", { params });
  check(deleted.response.status === 204, deleted.error);
  const gone = await client.GET("/v2/customers/{id}", { params });
  check(gone.response.status === 404 && gone.error !== undefined, gone.data);
}
const statements = await client.GET("/v1/customer_statements", { params: { query: { billing_period: "2026-10" } } });
const statement = statements.data?.billing_artifacts[0];
check(statement?.currency.name === "USD" && statement.status === "Estimated", statements.error ?? statements.data);
console.log(`openapi-typescript: made a price rule, walked ${walked.length} customers, changed and deleted 7, read a statement`);
