"""Kiota's request adapter for Python with Azure identity: alone, as Microsoft Graph's core sets it
up, and below the whole Microsoft Graph SDK."""

import asyncio
import sys

from azure.core.credentials import AccessToken
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)

from protocol import SCOPE, URL, fetch_token, run


class Credential:
    async def get_token(self, *scopes, claims=None, **_):
        token = fetch_token(claims)
        return AccessToken(token["access_token"], token["expires_on"])

    async def close(self):
        pass


def plain(provider):
    from kiota_http.httpx_request_adapter import HttpxRequestAdapter

    return orders(HttpxRequestAdapter(provider))


def core(provider):
    from msgraph_core import BaseGraphRequestAdapter, GraphClientFactory

    client = GraphClientFactory.create_with_default_middleware(host=URL)
    return orders(BaseGraphRequestAdapter(provider, http_client=client))


def orders(adapter):
    async def call():
        request = RequestInformation()
        request.http_method = Method.GET
        request.url = f"{URL}/orders"
        body = await adapter.send_primitive_async(request, "bytes", {})
        return 200 if b'"path"' in body else body.decode()

    return call


def sdk(provider):
    """As in an application but for the service root, which stands where national clouds have
    theirs. The API behind answers any path."""
    from msgraph import GraphRequestAdapter, GraphServiceClient

    adapter = GraphRequestAdapter(provider)
    adapter.base_url = f"{URL}/v1.0"
    client = GraphServiceClient(request_adapter=adapter)

    async def call():
        user = await client.me.get()
        return 200 if user.additional_data.get("path") == "/v1.0/me" else str(user)

    return call


provider = AzureIdentityAuthenticationProvider(
    Credential(), scopes=[SCOPE], allowed_hosts=["localhost"]
)
call = {"plain": plain, "core": core, "sdk": sdk}[sys.argv[1]](provider)
loop = asyncio.new_event_loop()
run(lambda: loop.run_until_complete(call()))
