#!/opt/venv/bin/python
"""llama-server: llama.cpp's HTTP server and its own command line, from the xllamacpp wheel.

llama.cpp publishes no wheel of its server program. xllamacpp carries the whole server as a
library, with the function that reads llama-server's arguments among its exported symbols. That
function is called here, so every flag, every LLAMA_ARG_* variable and every message is
llama.cpp's own.
"""

import ctypes
import os
import signal
import sys

import xllamacpp

# llama.cpp common/arg.h: bool common_params_parse(int argc, char ** argv, common_params & params,
#     llama_example ex, void (*print_usage)(int, char **)), as the Itanium C++ ABI names it.
_PARSE = "_Z19common_params_parseiPPcR13common_params13llama_examplePFviS0_E"
_EXAMPLE_SERVER = 12  # LLAMA_EXAMPLE_SERVER of enum llama_example, llama.cpp common/common.h
_DEFAULT_PORT = 8080  # llama-server's; the library's own is 0, any free port
_FAILURE = 1  # llama-server's exit code for bad arguments and for a model that does not load
_STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def _address(params: xllamacpp.CommonParams) -> int:
    """Return where the C++ structure is: the first field of the extension type's object.

    Raises:
        RuntimeError: It is not there, so this xllamacpp is laid out in another way.
    """
    address = id(params) + object.__basicsize__
    first_field = ctypes.c_int32.from_address(address)
    default = params.n_predict
    for value in (0x5EED, 0x0CA7, default):
        params.n_predict = value
        if first_field.value != value:
            raise RuntimeError(f"xllamacpp {xllamacpp.__version__}: common_params is elsewhere")
    return address


def parse(arguments: list[str]) -> xllamacpp.CommonParams | None:
    """Read a llama-server command line with llama.cpp's own parser.

    Args:
        arguments: Without the program's name. --help and --version end the process.

    Returns:
        The parameters; None when an argument is wrong, after llama.cpp has said which on
        standard error.
    """
    params = xllamacpp.CommonParams()
    params.port = _DEFAULT_PORT
    words = [word.encode() for word in ("llama-server", *arguments)]
    argv = (ctypes.c_char_p * (len(words) + 1))(*words, None)
    function = ctypes.CDLL(xllamacpp.xllamacpp.__file__)[_PARSE]
    function.restype = ctypes.c_bool
    function.argtypes = [
        ctypes.c_int,
        ctypes.POINTER(ctypes.c_char_p),
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_void_p,
    ]
    return params if function(len(words), argv, _address(params), _EXAMPLE_SERVER, None) else None


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    # Blocked before any thread starts, so that every thread inherits it and the signal waits for
    # sigwait. Without this, process 1 of a container would never see a SIGTERM.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    params = parse(sys.argv[1:])
    if params is None:
        return _FAILURE
    try:
        _server = xllamacpp.Server(params)  # the name is what keeps it alive
    except RuntimeError as error:
        sys.stderr.write(f"llama-server: {error}\n")
        return _FAILURE
    received = signal.sigwait(_STOP_SIGNALS)
    sys.stderr.write(f"llama-server: {signal.Signals(received).name}, stopping\n")
    sys.stderr.flush()
    # llama-server does not drain either. Waiting for open streams would exceed the second that a
    # stop may take, so the process ends here, and the kernel closes what is open.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
