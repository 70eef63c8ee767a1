# Goes before every Python attack: how it tells what came out. A line of standard output that begins with "ZF " is a fact,
# as JSON; the first one names the container, by its host name, and the time.
import errno, json, os, signal, socket, sys, time


def tell(**facts):
    os.write(1, ("ZF " + json.dumps(facts) + "\n").encode())


def tried(what, call, *args):
    """Tells what came of `call`: `done`, or the name of the error that it met. Gives what it returned, or None."""
    try:
        got = call(*args)
    except OSError as error:
        tell(tried=what, got=errno.errorcode.get(error.errno, str(error)))
        return None
    except Exception as error:
        tell(tried=what, got=type(error).__name__)
        return None
    tell(tried=what, got="done")
    return True if got is None else got


tell(container=socket.gethostname(), at=time.time())
