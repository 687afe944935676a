-- Questions for the gateway, one after the other from a file of tokens, and every answer counted
-- by its status: wrk … -s soak.lua URL -- TOKENS PATH ADDRESS

local requests, threads = {}, {}
sent, answers = 0, {}

function setup(thread)
  threads[#threads + 1] = thread
end

function init(arguments)
  for token in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", arguments[2], {
      ["Authorization"] = "Bearer " .. token, ["X-Forwarded-For"] = arguments[3]})
  end
end

function request()
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end

function response(status)
  answers[status] = (answers[status] or 0) + 1
end

function done(summary)
  local errors = summary.errors
  local counts = {}
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("answers")) do
      counts[#counts + 1] = string.format('"%d": %d', status, count)
    end
  end
  local line = 'COUNTS {"answers": {%s}, "sent": %d, ' ..
    '"connect": %d, "read": %d, "write": %d, "timeout": %d}\n'
  io.write(string.format(line,
    table.concat(counts, ", "), threads[1]:get("sent"), errors.connect, errors.read, errors.write,
    errors.timeout))
end
