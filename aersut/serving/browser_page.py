"""The page of an export that runs the model in the browser, where the monitor serves it."""

import base64
import hashlib

IN_BROWSER = "/browser/"
"""Path of the page."""
IMPORT_MAP = '{"imports": {"@litertjs/wasm-utils": "./litert/wasm-utils.js"}}'
"""The inline script of the page: where LiteRT.js finds its other package."""
_HASH = base64.b64encode(hashlib.sha256(IMPORT_MAP.encode()).digest()).decode()
POLICY = f"script-src 'self' 'wasm-unsafe-eval' 'sha256-{_HASH}'"
"""What the page adds to the monitor's content security policy: WebAssembly, and its import map."""
