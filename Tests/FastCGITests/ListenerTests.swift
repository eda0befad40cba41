import Testing

/// Everything that runs libfcgi, whose state is the process's: one test at a time.
@Suite(.serialized) struct ListenerTests {}
