"""A browser's share of Streamlit's protocol: open a page and ask for reruns, to measure what one costs the server."""

from __future__ import annotations

from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets import Origin, Subprotocol
from websockets.sync.client import ClientConnection, connect

from benchmarks.rig import get
from utils.api.cookies import NAME


class PageClient:
    """One open page."""

    def __init__(self, url: str, *, page: str = "", token: str = "") -> None:
        """Open the page like a browser does: the HTML for the cookie, then the socket.

        Args:
            url: Of the server.
            page: Which page, by its name in the address; empty is the first.
            token: Of a session that is there already; empty takes the one that comes with the HTML.
        """
        self._page = page
        headers = get(url, {"Accept": "text/html"})[2]
        given = next((value.partition(";")[0] for name, value in headers.items() if name.lower() == "set-cookie"), "")
        cookie = f"{NAME}={token}" if token else given
        host = urlsplit(url).netloc
        extra = {"Cookie": cookie} if cookie else {}
        self._socket: ClientConnection = connect(
            f"ws://{host}/_stcore/stream",
            subprotocols=[Subprotocol("streamlit")],
            origin=Origin(f"http://{host}"),
            additional_headers=extra,
            max_size=None,
        )

    def rerun(self) -> int:
        """Run the script once, wait for its end; the number of messages that came."""
        message = BackMsg()
        message.rerun_script.query_string = ""
        message.rerun_script.page_name = self._page
        self._socket.send(message.SerializeToString())
        count = 0
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(self._socket.recv(timeout=30))
            count += 1
            if answer.WhichOneof("type") == "script_finished":
                return count

    def close(self) -> None:
        """Leave the page."""
        self._socket.close()
