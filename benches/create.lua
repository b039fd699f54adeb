-- Creates customers, each with another name (in no order, as real ones are), three tags and an Idempotency-Key of its
-- own. TENANTRY_BENCH_RUN keeps the names of one run apart from those of others.
local run = os.getenv("TENANTRY_BENCH_RUN") or tostring(os.time())
local path = os.getenv("TENANTRY_BENCH_PATH") or "/v2/customers"
local headers = {
  ["Authorization"] = "Bearer " .. os.getenv("TENANTRY_BENCH_KEY"),
  ["Content-Type"] = "application/json",
}
local made = 0

function request()
  made = made + 1
  -- A bijection modulo a prime: every number once, none beside its neighbour.
  local unique = string.format("%x-%s", (made * 179424673) % 2147483647, run)
  headers["Idempotency-Key"] = unique
  local body = string.format(
    '{"name":"Customer %s","address":{"street1":"%d Main St","city":"Springfield","state":"MA","zipcode":"01234",' ..
    '"country":"US"},"classification":"managed_with_access","billing_contact":"billing@example.com",' ..
    '"tags":[{"key":"env","value":"bench"},{"key":"run","value":"%s"},{"key":"tier","value":"%d"}]}',
    unique, made, run, made % 10)
  return wrk.format("POST", path, headers, body)
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %.1f %d %d %d\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50), latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
