//! The data of replies reads back as the agent writes it, field by field in this order.

use agent_wire::reply::{
    AgentInfo, CommandCheck, FactReply, JobPlan, JobStatus, MethodSummary, StartedRun, TaskOutput,
    TaskState, TaskStatus,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn reads_back<T: Serialize + DeserializeOwned>(text: &str) -> T {
    let value: T = serde_json::from_str(text).expect("the text is such data");
    assert_eq!(serde_json::to_string(&value).expect("data goes to memory"), text);
    value
}

#[test]
fn each_reply_is_written_as_it_was_read() {
    let task = r#"{"task":"t","state":"ended","due":"d","accepted":"a","started":"b","ended":"c","acknowledged":true,"resp":"success","retcode":7,"message":"m"}"#;
    reads_back::<TaskStatus<'_>>(task);
    reads_back::<TaskStatus<'_>>(r#"{"task":"t","state":"waiting","accepted":"a"}"#);
    reads_back::<JobStatus<'_>>(&format!(
        r#"{{"name":"n","schedule":"* * * * *","timezone":"UTC","user":"u","cmd":"c","enabled":true,"overlap":"queue","missed":"once","jitter":5,"calendar":"/c","file":"f","next":["x"],"running":1,"last":{task},"skipped":{{"due":"d","message":"m"}}}}"#
    ));
    reads_back::<JobPlan>(r#"{"schedule":"s","warnings":["w"],"next":[]}"#);
    reads_back::<JobPlan>(r#"{"schedule":"s","next":["x"]}"#);
    reads_back::<StartedRun<'_>>(r#"{"task":"t"}"#);
    reads_back::<TaskOutput>(r#"{"offset":1,"next":2,"ended":false,"text":"x"}"#);
    reads_back::<TaskOutput>(r#"{"offset":1,"next":2,"ended":true,"base64":"eA=="}"#);
    reads_back::<AgentInfo<'_>>(
        r#"{"version":"1","protocol":1,"host_id":"h","pid":2,"started":"s","uptime_seconds":3,"requests_taken":4,"requests_running":5,"tasks_waiting":6,"tasks_running":7,"results_unacknowledged":8,"results_dropped":9,"jobs":10,"crontab_problems":["p"]}"#,
    );
    reads_back::<AgentInfo<'_>>(
        r#"{"version":"1","protocol":1,"host_id":"h","identity":"enrolled","certificate_not_after":"t","generation":1,"pid":2,"started":"s","uptime_seconds":3,"requests_taken":4,"requests_running":5,"tasks_waiting":6,"tasks_running":7,"results_unacknowledged":8,"results_dropped":9,"jobs":10}"#,
    );
    reads_back::<CommandCheck<'_>>(
        r#"{"user":"app","uid":1,"group":"app","gid":2,"cwd":"/","shell":"/bin/bash","limits":"ok"}"#,
    );
    reads_back::<MethodSummary<'_>>(r#"{"method":"m","summary":"s"}"#);
    reads_back::<FactReply>(
        r#"{"method":"getinfo.os","args":"-a","resp":"success","retcode":0,"message":"","data":{"a":1.50}}"#,
    );
}

#[test]
fn a_task_state_of_a_later_version_does_not_hide_the_task() {
    let task: TaskStatus<'_> =
        serde_json::from_str(r#"{"task":"t","state":"paused","new":1}"#).unwrap();
    assert_eq!((&*task.task, task.state), ("t", TaskState::Unknown));
}
