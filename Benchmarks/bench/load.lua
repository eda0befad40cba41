-- What wrk asks for: `in-turn PATH...`, the paths one after another, or `ever-new PATH`, the path with a number
-- behind it that no request had before. Ends with one line of JSON for wrk.py.
local next_request

local function in_turn(paths)
  -- Formatted once, so that every peer meets the same cheap load.
  local requests, last = {}, 0
  for index = 2, #paths do requests[index - 1] = wrk.format("GET", paths[index]) end
  return function()
    last = last % #requests + 1
    return requests[last]
  end
end

local function ever_new(path)
  local last = 0
  return function()
    last = last + 1
    return wrk.format("GET", path .. last)
  end
end

function init(arguments)
  next_request = arguments[1] == "ever-new" and ever_new(arguments[2]) or in_turn(arguments)
end

function request() return next_request() end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"status":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
