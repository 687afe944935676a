-- Asks Highwater whether a request may pass: `http-request lua.highwater`.
--
-- 200 lets it pass, with who it is in headers. 401 and 403 go to the client as they are, body
-- included. Whatever else comes back, or nothing, is 503: nobody passes unasked.

local ENDPOINT = "http://127.0.0.1:8181/decide"
local PASSED_ON = { "www-authenticate", "content-type", "cache-control", "retry-after" }

local function refuse(txn, status, headers, body)
    local reply = txn:reply { status = status }
    for _, name in ipairs(PASSED_ON) do
        for _, value in pairs(headers[name] or {}) do
            reply:add_header(name, value)
        end
    end
    reply:set_body(body or "")
    txn:done(reply)
end

core.register_action("highwater", { "http-req" }, function(txn)
    local sent = txn.http:req_get_headers()
    local headers = {
        ["host"] = { "highwater" },
        ["x-forwarded-for"] = { txn.f:src() },
        ["x-original-method"] = { txn.f:method() },
        ["x-original-uri"] = { txn.f:pathq() },
    }
    -- Every line of it: two tokens are refused, not one of them chosen.
    local authorization = {}
    for _, value in pairs(sent["authorization"] or {}) do
        table.insert(authorization, value)
    end
    if #authorization > 0 then
        headers["authorization"] = authorization
    end

    local response = core.httpclient():get { url = ENDPOINT, headers = headers, timeout = 2000 }
    local status = response and response.status or 0
    if status == 200 then
        for name, values in pairs(response.headers) do
            if name:sub(1, 12) == "x-highwater-" then
                txn.http:req_set_header(name, values[0])
            end
        end
    elseif status == 401 or status == 403 then
        refuse(txn, status, response.headers, response.body)
    else
        refuse(txn, 503, {}, "")
    end
end)
