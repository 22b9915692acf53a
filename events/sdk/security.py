"""How a producer proves who it is and who may listen: passed on to aiokafka."""

import ssl
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """TLS where there is an `ssl_context`, SASL where there is a `mechanism`; both, either or neither.

    `username` and `password` go with PLAIN and SCRAM; `token_provider` (an `aiokafka.abc.AbstractTokenProvider`) with
    OAUTHBEARER. The password is not in the repr.
    """

    ssl_context: ssl.SSLContext | None = None
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token_provider: Any = field(default=None, repr=False)

    def options(self) -> dict[str, Any]:
        """The keyword arguments of an aiokafka client."""
        transport = "SSL" if self.ssl_context else "PLAINTEXT"
        if self.mechanism is None:
            return {"security_protocol": transport, "ssl_context": self.ssl_context}
        return {
            "security_protocol": f"SASL_{transport}",
            "ssl_context": self.ssl_context,
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
            "sasl_oauth_token_provider": self.token_provider,
        }


OPEN = Security()
"""Neither TLS nor SASL: a broker that asks nothing."""
