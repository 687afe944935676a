"""How a client under test is steered: it calls when it is told to, and says what it got."""

import json
import os
import ssl
import sys
import urllib.parse
import urllib.request

URL = os.environ.get("PEERS_URL")
TOKENS = os.environ.get("PEERS_TOKENS")
SCOPE = "api://orders/.default"


kept = None


def fetch_token(claims):
    """What an identity library does: ask the issuer once, and again if there are claims."""
    global kept
    if claims or not kept:
        kept = ask_issuer(claims)
    return kept


def ask_issuer(claims):
    query = urllib.parse.urlencode({"claims": claims} if claims else {})
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    with urllib.request.urlopen(f"{TOKENS}/token?{query}", context=context) as answer:
        return json.load(answer)


def run(call):
    """Calls once for every line that comes in, and answers with a line."""
    for _ in sys.stdin:
        try:
            result = call()
        except Exception as error:  # every error is an answer
            result = f"{type(error).__name__}: {error}"
        print(json.dumps(result), flush=True)
