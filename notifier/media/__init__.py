"""How renditions are made: octets are looked at, fetched, turned into versions by child processes, and stored.

headers    what it is and how large, told by the first octets without unpacking anything
storage    where octets lie: a folder, or a bucket (`bucket`)
fetching   from an address that anybody may have named
children   work in a child process that can be killed, and is bounded in time, memory and what it writes
child      that process: binds itself, then makes pictures (`images`) or becomes ffmpeg
videos     what ffmpeg is asked, and what it says
"""
