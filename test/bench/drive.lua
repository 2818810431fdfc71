-- What wrk does in Drive.ts: the same request again and again, or one with a new text each time.
local body = os.getenv("BENCH_BODY")
local next_text = tonumber(os.getenv("BENCH_FROM"))
local letters = "bcdfghjklmnpqrst"

wrk.method = os.getenv("BENCH_METHOD")
if os.getenv("BENCH_BODY_FILE") ~= "" then
  local file = io.open(os.getenv("BENCH_BODY_FILE"), "rb")
  body = file:read("*a")
  file:close()
end
if body ~= "" then
  wrk.body = body
  wrk.headers["content-type"] = os.getenv("BENCH_CONTENT_TYPE")
end
local key = os.getenv("BENCH_KEY")
if key ~= "" then wrk.headers["authorization"] = "Bearer " .. key end
if os.getenv("BENCH_CLOSE") == "yes" then wrk.headers["connection"] = "close" end

local pause = tonumber(os.getenv("BENCH_PAUSE"))
if pause > 0 then
  delay = function() return pause end
end

-- As newText in Voice.ts.
local function name(number)
  local made = ""
  for _ = 1, 7 do
    local digit = number % 16
    made = made .. letters:sub(digit + 1, digit + 1)
    number = (number - digit) / 16
  end
  return made
end

if next_text >= 0 then
  request = function()
    next_text = next_text + 1
    return wrk.format(nil, nil, nil, (body:gsub("@@@@@@@", name(next_text))))
  end
end

done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"micros":%d,"bytes":%d,"p50":%d,"p99":%d,"failed":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
