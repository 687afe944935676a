-- Asks Highwater whether a request may pass: `LuaHookAccessChecker`.
--
-- 200 lets it pass, with who it is in headers. 401 goes to the client with its challenge, 403 as
-- it is; the body of both is Apache's. Whatever else comes back, or nothing, is 503.

local http = require "socket.http"
http.TIMEOUT = 2

local ENDPOINT = "http://127.0.0.1:8181/decide"
local VERDICT = { "decision", "reasons", "flags", "tenant", "subject", "subject-kind", "app" }

function highwater(r)
    -- A request inside a request was asked about already.
    if not r.is_initial_req then
        return apache2.DECLINED
    end
    local _, status, headers = http.request {
        url = ENDPOINT,
        headers = {
            -- Several lines arrive here as one with commas, which is refused as two tokens are.
            ["authorization"] = r.headers_in["Authorization"],
            ["x-forwarded-for"] = r.useragent_ip,
            ["x-original-method"] = r.method,
            ["x-original-uri"] = r.unparsed_uri,
        },
    }
    -- What was decided is not the client's to say.
    for _, name in ipairs(VERDICT) do
        r.headers_in["X-Highwater-" .. name] = nil
    end
    if status == 200 then
        for _, name in ipairs(VERDICT) do
            r.headers_in["X-Highwater-" .. name] = headers["x-highwater-" .. name]
        end
        return apache2.DECLINED
    end
    if status == 401 then
        r.err_headers_out["WWW-Authenticate"] = headers["www-authenticate"]
        return 401
    end
    if status == 403 then
        return 403
    end
    return 503
end
