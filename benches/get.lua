-- Asks for one path again and again.
wrk.headers["Authorization"] = "Bearer " .. os.getenv("TENANTRY_BENCH_KEY")

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %.1f %d %d %d\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50), latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
